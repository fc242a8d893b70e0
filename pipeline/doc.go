// Package pipeline is the language in which tasks say what to do: steps, templates and expressions.
//
// It is pure: it reads no clock, no network and no database. [Language.Check] says at creation what is
// wrong with a pipeline. [Language.Compile] makes a [Program] of one, whose [Program.Render], [Program.If]
// and [Program.Expect] an executor calls step by step with a [Scope] of what is known by then.
// [Language.Search] evaluates the expression of data.transform. [BuiltIns] lists the actions that need no
// server, and [Language.ValidateInput] and [Language.ValidateOutput] hold what an action is given and
// gives against its schemas.
//
// Expressions are JMESPath in the dialect that docs/pipelines.md describes. Pipelines are written by
// strangers, so every expression is scanned for length and nesting before it is parsed, and every
// evaluation pays for its work out of a fixed budget.
package pipeline
