package embedded

import "os"

// userDataDir is ~/Library/Application Support, unless the user follows XDG.
func userDataDir() (string, error) {
	if os.Getenv("XDG_DATA_HOME") != "" {
		return xdgDataDir()
	}
	return os.UserConfigDir()
}
