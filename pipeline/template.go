package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"
)

// template is a text with expressions in it.
type template struct{ parts []part }

// part is a piece of plain text, or an expression.
type part struct {
	text string
	expr *expression
}

// parseTemplate parses text; nil means that it holds neither ${ nor $${ and stands for itself.
func parseTemplate(text string) (*template, error) {
	if !strings.Contains(text, "${") {
		return nil, nil
	}
	t := &template{}
	plain := &strings.Builder{}
	for rest := text; rest != ""; {
		i := strings.Index(rest, "${")
		if i < 0 {
			plain.WriteString(rest)
			break
		}
		if i > 0 && rest[i-1] == '$' {
			plain.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		plain.WriteString(rest[:i])
		rest = rest[i+2:]
		n, err := scanTemplate(rest)
		if err != nil {
			return nil, located(rest[:min(len(rest), 200)], err)
		}
		expr, err := parseExpression(rest[:n])
		if err != nil {
			return nil, err
		}
		if plain.Len() > 0 {
			t.parts = append(t.parts, part{text: plain.String()})
			plain.Reset()
		}
		t.parts = append(t.parts, part{expr: expr})
		rest = rest[n+1:]
	}
	if plain.Len() > 0 {
		t.parts = append(t.parts, part{text: plain.String()})
	}
	return t, nil
}

// whole returns the expression that the template consists of, or nil.
func (t *template) whole() *expression {
	if len(t.parts) != 1 {
		return nil
	}
	return t.parts[0].expr
}

// parseCondition parses an if or expect, which may also be written as one ${…}.
func parseCondition(text string) (*expression, error) {
	if !strings.Contains(text, "${") {
		return parseExpression(text)
	}
	t, err := parseTemplate(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	if t.whole() == nil {
		return nil, errors.New("want a bare expression such as steps.check.body.ok, not text with ${…} in it")
	}
	return t.whole(), nil
}

// allowsNull reports whether the expression ends in an explicit null: a || null.
func (x *expression) allowsNull() bool {
	node := &x.root
	for node.NodeType == parsing.ASTOrExpression {
		node = &node.Children[1]
	}
	return node.NodeType == parsing.ASTLiteral && node.Value == nil
}

// eval evaluates the expression over root.
func (x *expression) eval(r *renderer) (any, error) {
	e := evaluator{root: r.root, funcs: r.funcs, zone: r.zone, left: r.left}
	v, err := e.eval(&x.root, r.root)
	if err == nil {
		v, err = finish(v)
	}
	if err != nil {
		return nil, fmt.Errorf("the expression %s %w", quoted(x.source), err)
	}
	return v, nil
}

// value is eval for a template, where there must be a value.
func (x *expression) value(r *renderer) (any, error) {
	v, err := x.eval(r)
	if err != nil {
		return nil, err
	}
	if v == nil && !x.allowsNull() {
		return nil, fmt.Errorf("the expression %s has no value%s; a default is given as ${%s || 'none'}", quoted(x.source), r.why(x), clip(strings.TrimSpace(x.source), 80))
	}
	return v, nil
}

// render gives the value of a template that is one expression, else text.
func (t *template) render(r *renderer) (any, error) {
	if whole := t.whole(); whole != nil {
		v, err := whole.value(r)
		if err != nil {
			return nil, err
		}
		if err := check(v, 0, r.left); err != nil {
			return nil, fmt.Errorf("the expression %s %w", quoted(whole.source), err)
		}
		return v, nil
	}
	w := writer{left: r.left}
	for _, p := range t.parts {
		if p.expr == nil {
			if err := r.left.produce(len(p.text)); err != nil {
				return nil, err
			}
			w.buf = append(w.buf, p.text...)
			continue
		}
		v, err := p.expr.value(r)
		if err == nil {
			err = w.plain(v)
		}
		if err != nil {
			return nil, inExpression(p.expr, err)
		}
	}
	if !utf8.Valid(w.buf) {
		return strings.ToValidUTF8(string(w.buf), "\uFFFD"), nil
	}
	return string(w.buf), nil
}

func inExpression(x *expression, err error) error {
	if strings.HasPrefix(err.Error(), "the expression ") {
		return err
	}
	return fmt.Errorf("the expression %s %w", quoted(x.source), err)
}

// plain appends text as it is and all else as JSON.
func (w *writer) plain(v any) error {
	s, ok := v.(string)
	if !ok {
		return w.value(v, 0)
	}
	w.buf = append(w.buf, s...)
	return w.left.produce(len(s))
}
