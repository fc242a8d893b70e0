// Package outbound makes the one HTTP client by which steps reach the outside. It dials only
// addresses that the policy allows, checked after resolution and again as the socket connects, so
// that neither a name that resolves inwards nor one that changes its answer in between gets through.
package outbound
