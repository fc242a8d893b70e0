package pipeline

import (
	"cmp"
	"errors"
	"maps"
	"slices"
)

// contains(array, value) and contains(text, part).
func contains(e *evaluator, args []any) (any, error) {
	list, ok := args[0].([]any)
	if !ok {
		part, ok := args[1].(string)
		return ok && indexOf(args[0].(string), part) >= 0, nil
	}
	for _, member := range list {
		same, err := equal(member, args[1], e.left)
		if same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// keys(object), sorted.
func keys(_ *evaluator, args []any) (any, error) {
	m := args[0].(map[string]any)
	out := make([]any, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k)
	}
	return out, nil
}

// values(object), in the order of the keys.
func values(_ *evaluator, args []any) (any, error) { return valuesOf(args[0].(map[string]any)), nil }

// items(object): pairs of key and value, in the order of the keys.
func items(e *evaluator, args []any) (any, error) {
	m := args[0].(map[string]any)
	if err := e.left.spend(4 * len(m)); err != nil {
		return nil, err
	}
	out := make([]any, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, []any{k, m[k]})
	}
	return out, nil
}

// map(&expression, array) keeps nulls, as a projection does not.
func mapOver(_ *evaluator, args []any) (any, error) {
	of, list := args[0].(reference), args[1].([]any)
	out := make([]any, 0, len(list))
	for _, member := range list {
		value, err := of(member)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

// sort_by(array, &key) gives a sorted copy; the keys are all numbers or all texts.
func sortBy(_ *evaluator, args []any) (any, error) {
	type keyed struct {
		member any
		number float64
		text   string
	}
	list, key := args[0].([]any), args[1].(reference)
	sorted := make([]keyed, 0, len(list))
	numbers := 0
	for _, member := range list {
		k, err := key(member)
		if err != nil {
			return nil, err
		}
		one := keyed{member: member}
		if n, ok := number(k); ok {
			one.number = n
			numbers++
		} else if one.text, ok = k.(string); !ok {
			return nil, errors.New("sorts by a key that is " + typeName(k) + "; sort_by() wants numbers or texts")
		}
		sorted = append(sorted, one)
	}
	if numbers != 0 && numbers != len(list) {
		return nil, errors.New("sorts by numbers and texts at once; sort_by() wants one kind of key")
	}
	slices.SortStableFunc(sorted, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.text, b.text))
	})
	out := make([]any, len(sorted))
	for i, one := range sorted {
		out[i] = one.member
	}
	return out, nil
}

// zip(array, …) gives the first members, the second ones and so on, as far as the shortest goes.
func zip(e *evaluator, args []any) (any, error) {
	shortest := len(args[0].([]any))
	for _, arg := range args {
		shortest = min(shortest, len(arg.([]any)))
	}
	if err := e.left.spend(shortest * (len(args) + 2)); err != nil {
		return nil, err
	}
	out := make([]any, shortest)
	for i := range out {
		row := make([]any, len(args))
		for j, arg := range args {
			row[j] = arg.([]any)[i]
		}
		out[i] = row
	}
	return out, nil
}
