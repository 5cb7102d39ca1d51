"""Makes the client's models and operations from the API's OpenAPI document.

`python -m client.codegen` from the root of the repository writes them; nothing in them is written by hand. The document
alone decides what they are: no name of the API stands in here.
"""
