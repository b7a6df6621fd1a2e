"""Files of other systems as archive history: CSV and Parquet, as dirty as they come."""
