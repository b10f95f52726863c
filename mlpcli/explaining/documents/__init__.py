"""The explanations of `mlpcli explain` as documents, in text, Markdown and HTML."""
