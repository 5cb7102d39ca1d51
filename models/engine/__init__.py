"""The engine: a trained model, loaded, warmed up and watched. The agent, the service and backtests use the same one."""
