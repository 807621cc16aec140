"""What all REST handlers share: fields, paging, audit, CSV and the OpenAPI schema."""
