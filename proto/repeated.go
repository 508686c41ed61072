package proto

import "encoding/json"

// repeatedName finds a name that stands twice in one object of a JSON text known to be well formed. Readers differ in
// which of the two they take, so that one signature would cover two meanings.
func repeatedName(text []byte) (string, bool) {
	var open []map[string]struct{} // per level: the names seen in an object, nil in a list
	expectName := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			open = append(open, make(map[string]struct{}))
			expectName = true
		case '[':
			open = append(open, nil)
			expectName = false
		case '}', ']':
			open = open[:len(open)-1]
			expectName = false
		case ',':
			expectName = len(open) > 0 && open[len(open)-1] != nil
		case '"':
			end := stringEnd(text, i)
			if expectName {
				name, names := unquote(text[i:end+1]), open[len(open)-1]
				if _, repeated := names[name]; repeated {
					return name, true
				}
				names[name] = struct{}{}
				expectName = false
			}
			i = end
		}
	}
	return "", false
}

// stringEnd is the offset of the quotation mark that ends the string beginning at start.
func stringEnd(text []byte, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(text) - 1
}

// unquote returns what a JSON string stands for, so that an escaped name equals a plain one.
func unquote(quoted []byte) string {
	for _, character := range quoted {
		if character == '\\' {
			var plain string
			if json.Unmarshal(quoted, &plain) == nil {
				return plain
			}
			break
		}
	}
	return string(quoted[1 : len(quoted)-1])
}
