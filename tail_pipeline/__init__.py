"""Turns the regression tail of production traces into reviewed evaluation cases."""
