"""Finds private values in texts by their form: phonenumbers and python-stdnum decide what is one, nothing is downloaded."""
