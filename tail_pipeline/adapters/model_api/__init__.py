"""OpenAI-compatible endpoints: the only package that imports ``openai``.

``chat`` asks questions, ``embeddings`` embeds texts; ``client`` opens the connection for both and says what its errors mean.
"""
