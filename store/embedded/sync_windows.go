package embedded

// syncDir has nothing to do: Windows cannot sync a directory, NTFS journals renames.
func syncDir(string) error { return nil }
