"""How every HTTP service of ours behaves, whatever it serves: problems, ids, limits, the OpenAPI document, uvicorn."""
