// Package lint holds the tests of the files that an operator runs: Dockerfile and
// docker-compose.yml. It is a module of its own because the linters bring a hundred others.
package lint
