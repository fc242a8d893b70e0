package main

import (
	"bytes"
	"os"
	"runtime"
)

// zoneRelease names the release of the time zone rules that this process reads: the system's, if it
// says which it has, else those that came with the Go toolchain.
func zoneRelease() string {
	const marker = "# version "
	for _, path := range []string{"/usr/share/zoneinfo/tzdata.zi", "/usr/share/lib/zoneinfo/tzdata.zi"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		if release, found := bytes.CutPrefix(line, []byte(marker)); found {
			return string(bytes.TrimSpace(release))
		}
	}
	if text, err := os.ReadFile("/usr/share/zoneinfo/+VERSION"); err == nil { // macOS
		return string(bytes.TrimSpace(text))
	}
	if _, err := os.Stat("/usr/share/zoneinfo/UTC"); err == nil {
		return "the system's, unnamed"
	}
	return "of " + runtime.Version()
}
