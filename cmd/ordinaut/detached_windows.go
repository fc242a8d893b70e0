package main

import "syscall"

// detached keeps a console's Ctrl-C from reaching a child, which its parent ends in order.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
