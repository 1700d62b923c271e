"""Where rows come from: folders, JSON lines, CSV."""
