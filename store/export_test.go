package store

import "context"

// ForgetPreviews does what the hourly work does to previews.
func ForgetPreviews(ctx context.Context, s *Store) error { return s.forgetPreviews(ctx) }
