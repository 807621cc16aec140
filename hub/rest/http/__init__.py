"""Shared parts of all REST handlers: fields, paging, audit, CSV and the OpenAPI schema."""
