/**
 * The part of the Common Expression Language that the admission policy uses. It follows the language definition
 * (github.com/google/cel-spec, langdef.md): an error in a branch that `&&` or `||` does not need is ignored.
 */

type Value = unknown;
type Scope = Readonly<Record<string, Value>>;
type Evaluation = (scope: Scope) => Value;

/** An expression cannot be parsed, or has no value. Kubernetes denies the request then (`failurePolicy: Fail`). */
export class CelError extends Error {}

const TOKEN = /\s*(?:('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(\d+)|([A-Za-z_]\w*)|(&&|\|\||==|!=|>=|<=|[!?:.,[\]()<>]))/y;

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    const tokens: string[] = [];
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const at = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (match === null) throw new CelError(`at ${at} in ${text}`);
      tokens.push(match[0].trim());
    }
    this.#tokens = tokens;
  }

  whole(): Evaluation {
    const evaluation = this.#conditional();
    if (this.#at < this.#tokens.length) throw new CelError(`unexpected ${this.#tokens[this.#at]}`);
    return evaluation;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #demand(token: string): void {
    if (!this.#take(token)) throw new CelError(`expected ${token}, found ${this.#tokens[this.#at]}`);
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new CelError('unexpected end');
    this.#at += 1;
    return token;
  }

  #conditional(): Evaluation {
    const condition = this.#or();
    if (!this.#take('?')) return condition;
    const yes = this.#or();
    this.#demand(':');
    const no = this.#conditional();
    return (scope) => (bool(condition(scope)) ? yes(scope) : no(scope));
  }

  #or(): Evaluation {
    let left = this.#and();
    while (this.#take('||')) left = shortCircuit(left, this.#and(), true);
    return left;
  }

  #and(): Evaluation {
    let left = this.#relation();
    while (this.#take('&&')) left = shortCircuit(left, this.#relation(), false);
    return left;
  }

  #relation(): Evaluation {
    const left = this.#unary();
    if (this.#take('==')) return compared(left, this.#unary(), true);
    if (this.#take('!=')) return compared(left, this.#unary(), false);
    if (this.#tokens[this.#at] !== 'in') return left;
    this.#at += 1;
    const right = this.#unary();
    return (scope) => {
      const [item, container] = [left(scope), right(scope)];
      return Array.isArray(container) ? container.includes(item) : Object.hasOwn(mapOf(container), String(item));
    };
  }

  #unary(): Evaluation {
    if (!this.#take('!')) return this.#member();
    const operand = this.#unary();
    return (scope) => !bool(operand(scope));
  }

  #member(): Evaluation {
    let value = this.#primary();
    for (;;) {
      if (this.#take('.')) value = this.#field(value);
      else if (this.#take('[')) {
        const [target, index] = [value, this.#conditional()];
        this.#demand(']');
        value = (scope) => element(target(scope), index(scope));
      } else return value;
    }
  }

  #field(target: Evaluation): Evaluation {
    const name = this.#next();
    if (!this.#take('(')) return (scope) => element(target(scope), name);
    if (name === 'all' || name === 'exists') return this.#macro(target, name);
    const [argument] = [this.#conditional()];
    this.#demand(')');
    if (name !== 'startsWith') throw new CelError(`undeclared function ${name}`);
    return (scope) => text(target(scope)).startsWith(text(argument(scope)));
  }

  /** `exists` joins its predicate over the elements by `||`, and `all` by `&&`. */
  #macro(target: Evaluation, name: 'all' | 'exists'): Evaluation {
    const variable = this.#next();
    this.#demand(',');
    const predicate = this.#conditional();
    this.#demand(')');
    return (scope) => {
      const list = target(scope);
      if (!Array.isArray(list)) throw new CelError('no such overload: a macro of a value that is not a list');
      const start: Evaluation = () => name === 'all';
      const whole = list.reduce<Evaluation>(
        (left, item) => shortCircuit(left, (outer) => predicate({ ...outer, [variable]: item }), name === 'exists'),
        start,
      );
      return whole(scope);
    };
  }

  #primary(): Evaluation {
    if (this.#take('(')) {
      const inner = this.#conditional();
      this.#demand(')');
      return inner;
    }
    if (this.#take('[')) {
      this.#demand(']');
      return () => [];
    }
    const token = this.#next();
    if (/^['"]/.test(token)) {
      const literal = token.slice(1, -1);
      return () => literal;
    }
    if (/^\d/.test(token)) return () => Number(token);
    if (token === 'null') return () => null;
    if (token === 'has') return this.#has();
    return (scope) => element(scope, token);
  }

  /** `has(a.b)` tests whether a has the field b. The expression a must have a value. */
  #has(): Evaluation {
    this.#demand('(');
    let target: Evaluation = this.#primary();
    let field = '';
    while (this.#take('.')) {
      const [before, name] = [target, field];
      if (name !== '') target = (scope) => element(before(scope), name);
      field = this.#next();
    }
    this.#demand(')');
    if (field === '') throw new CelError('has() needs a field');
    return (scope) => Object.hasOwn(mapOf(target(scope)), field);
  }
}

function bool(value: Value): boolean {
  if (typeof value !== 'boolean') throw new CelError('no such overload: not a boolean');
  return value;
}

function text(value: Value): string {
  if (typeof value !== 'string') throw new CelError('no such overload: not a string');
  return value;
}

function mapOf(value: Value): Readonly<Record<string, Value>> {
  if (typeof value !== 'object' || value === null) throw new CelError('no such overload: not a map');
  return value as Readonly<Record<string, Value>>;
}

function element(container: Value, key: Value): Value {
  if (Array.isArray(container)) {
    if (typeof key !== 'number' || key >= container.length) throw new CelError(`index out of bounds: ${key}`);
    return container[key];
  }
  const map = mapOf(container);
  if (!Object.hasOwn(map, String(key))) throw new CelError(`no such key: ${key}`);
  return map[String(key)];
}

function compared(left: Evaluation, right: Evaluation, whenEqual: boolean): Evaluation {
  return (scope) => (left(scope) === right(scope)) === whenEqual;
}

/** `&&` and `||`: one side can decide the result even if the other side fails. */
function shortCircuit(left: Evaluation, right: Evaluation, decisive: boolean): Evaluation {
  return (scope) => {
    let failure: unknown;
    try {
      if (bool(left(scope)) === decisive) return decisive;
    } catch (error) {
      failure = error;
    }
    if (bool(right(scope)) === decisive) return decisive;
    if (failure !== undefined) throw failure;
    return !decisive;
  };
}

/** The value of an expression. @throws {CelError} when it has no value */
export function evaluateCel(expression: string, scope: Scope): Value {
  return new Parser(expression).whole()(scope);
}
