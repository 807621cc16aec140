"""Every dashboard call at the HTTP client, on the dataset: times, statements, CPU, and the plans that miss a goal."""
