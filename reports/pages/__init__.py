"""Pages: what a study or a network says as one HTML file: sections, tables, sentences, data for the browser."""
