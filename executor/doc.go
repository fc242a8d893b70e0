// Package executor does what tasks say: it claims runs that are due, interprets their pipelines,
// records each step before the next one starts, and tells what became of the run.
//
// Its parts are named for what they do and each owns its state: the claimer fills free slots, the
// recorder writes results of many runs in one transaction, the keeper renews leases and learns of
// cancellations, the rescuer takes runs from workers that stopped renewing, the waker wakes sleepers.
// Any number of executors share one database; nothing is kept here that another would miss.
package executor
