"""The routes, one module an area; each lists them as (method, path, function) in `ROUTES`."""
