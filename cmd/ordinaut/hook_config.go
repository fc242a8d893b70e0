package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/ordinaut/ordinaut"
)

const (
	// secretPrefix begins a secret in the form of Standard Webhooks.
	secretPrefix = "whsec_"
	// minSecret is the least bytes of a secret, distinctBytes the least different ones among them: random
	// bytes always have more.
	minSecret     = 32
	distinctBytes = 16
	// maxSecrets bounds the secrets of one hook: a new one, and old ones that go out of use.
	maxSecrets = 5
)

// hookConfig is one hook in the operator's file.
type hookConfig struct {
	Topic string `yaml:"topic"`
	// Secrets are whsec_ and base64; a signature by any of them counts, so that they can be replaced.
	Secrets []string `yaml:"secrets"`
	// SecretFile holds more of them, one a line.
	SecretFile string `yaml:"secret_file"`
	// Namespace is the name of the one that the events belong to. Empty: default.
	Namespace string `yaml:"namespace"`

	keys [][]byte
}

// checkHooks reads the hooks' secrets. No message repeats any of them.
func checkHooks(hooks []hookConfig, file string) error {
	topics := map[string]bool{}
	for i := range hooks {
		h := &hooks[i]
		if err := ordinaut.CheckTopic(h.Topic); err != nil {
			return fmt.Errorf("hooks[%d]: topic: %w", i, err)
		}
		if topics[h.Topic] {
			return fmt.Errorf("two hooks have the topic %q", h.Topic)
		}
		topics[h.Topic] = true
		if len(h.Secrets) > 0 {
			if err := ownerOnly(file); err != nil {
				return err
			}
		}
		if err := h.readKeys(); err != nil {
			return fmt.Errorf("hook %s: %w", h.Topic, err)
		}
	}
	return nil
}

func (h *hookConfig) readKeys() error {
	secrets := h.Secrets
	if h.SecretFile != "" {
		if err := ownerOnly(h.SecretFile); err != nil {
			return err
		}
		text, err := os.ReadFile(h.SecretFile)
		if err != nil {
			return fmt.Errorf("read secret_file: %w", err)
		}
		secrets = append(slices.Clip(secrets), strings.Fields(string(text))...)
	}
	if len(secrets) == 0 || len(secrets) > maxSecrets {
		return fmt.Errorf("it has %d secrets: want 1 to %d in secrets or secret_file", len(secrets), maxSecrets)
	}
	h.keys = make([][]byte, len(secrets))
	for i, secret := range secrets {
		key, err := readSecret(secret)
		if err != nil {
			return fmt.Errorf("secret %d: %w", i+1, err)
		}
		h.keys[i] = key
	}
	return nil
}

// readSecret returns the bytes of a secret that is long and random enough.
func readSecret(secret string) ([]byte, error) {
	const how = `; make one with: echo "whsec_$(head -c 32 /dev/urandom | base64)"`
	text, found := strings.CutPrefix(secret, secretPrefix)
	if !found {
		return nil, errors.New("want whsec_ and base64" + how)
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("what follows whsec_ is no base64" + how)
	}
	if len(key) < minSecret {
		return nil, fmt.Errorf("it has %d bytes, at least %d are needed%s", len(key), minSecret, how)
	}
	distinct := map[byte]bool{}
	for _, b := range key {
		distinct[b] = true
	}
	if len(distinct) < distinctBytes {
		return nil, errors.New("it is not random" + how)
	}
	return key, nil
}

// ownerOnly refuses a file with secrets that others than its owner may read.
func ownerOnly(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s holds secrets and can be read by others: chmod 600 it", path)
	}
	return nil
}
