"""The sandbox: an HTTP server that behaves as the Avara Express API, with invented data and faults on request.

It imports nothing else of this project, so that a mistake of the client can't hide behind the same mistake here.
"""
