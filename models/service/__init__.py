"""The inference service: models over HTTP, warm, explained, and exchanged while it serves.

    worker      uvicorn around the application; `tape worker inference`
    app         the application and its parts
    routes      POST /predict, /predict/batch; model_routes: GET /models; system_routes: /livez, /readyz, /metrics
    bodies      what is asked and answered
    desk        from rows to answers: the model, the cache, the doubt
    warm        the models in memory, and the alias followed in the background
    cache       answers in Redis
    explaining  SHAP values, sorted
    shelf       the versions that are there; accuracy: how right they were

Boundaries: it looks at rows and not at markets, so it measures no drift and keeps no history; whoever has the bars does
(streams.signals). Decision: docs/adr/0043. Verification: tests/models/service.
"""
