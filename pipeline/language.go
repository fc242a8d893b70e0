package pipeline

import "github.com/ordinaut/ordinaut/schemas"

// Language checks and compiles pipelines and evaluates expressions. It holds the functions that
// expressions may call and the compiled schemas, so one is made and kept. It is safe for concurrent use.
type Language struct {
	funcs     *library
	validator *schemas.Validator
}

// New returns a Language that keeps compiled schemas in v; nil compiles them anew each time.
func New(v *schemas.Validator) *Language { return &Language{funcs: newLibrary(), validator: v} }
