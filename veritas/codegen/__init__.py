"""Schemas, AsyncAPI and TypeScript types, generated from the code."""
