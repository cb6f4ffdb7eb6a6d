"""Tables of any number of photos, shard by shard: resumable, on one machine or a Dask cluster."""
