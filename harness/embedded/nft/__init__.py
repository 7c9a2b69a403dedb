"""The nft part of the embedded cluster."""
