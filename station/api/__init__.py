"""What a browser meets: pages, their fragments, sessions, policies. Default deny: see `policies`."""
