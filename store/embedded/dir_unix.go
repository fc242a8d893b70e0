//go:build unix && !darwin

package embedded

func userDataDir() (string, error) { return xdgDataDir() }
