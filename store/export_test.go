package store

import "context"

// ForgetPreviews does what the hourly work does to previews.
func ForgetPreviews(ctx context.Context, s *Store) error { return s.forgetPreviews(ctx) }

// EnsureHistory does what the hourly work does to the coming weeks.
func EnsureHistory(ctx context.Context, s *Store) error { return s.ensureHistory(ctx) }
