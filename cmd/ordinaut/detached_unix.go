//go:build unix

package main

import "syscall"

// detached keeps a terminal's Ctrl-C from reaching a child, which its parent ends in order.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
