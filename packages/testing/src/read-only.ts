/**
 * A read-only view of what a handler is given: reading goes through, writing throws the sentence that says what to do instead.
 * Views are undone ({@link original}) before anything a handler says reaches the core, which compares by identity.
 */

/** What the view of an object stands for. */
const originals = new WeakMap<object, object>()
const views = new WeakMap<object, object>()

/**
 * The view of a value; primitives, functions, octets and built-in collections are themselves.
 *
 * @param path how a handler calls it: `envelope.recipients`
 * @param refuse called with what was tried; is expected to throw
 */
export function readOnly<T>(value: T, path: string, refuse: (path: string) => never): T {
  if (!isViewable(value)) return value
  const known = views.get(value)
  if (known) return known as T // the view of this very value
  const view = new Proxy(value, {
    get(target, key) {
      // The object itself is `this`: private fields know nothing of views.
      const found: unknown = Reflect.get(target, key, target)
      const own = Reflect.getOwnPropertyDescriptor(target, key)
      // Of what is frozen a proxy must show the value itself; it is safe already.
      if (own && !own.configurable && 'value' in own && !own.writable) return found
      if (typeof found === 'function') return Array.isArray(target) ? found : found.bind(target)
      return readOnly(found, typeof key === 'symbol' ? path : `${path}.${key}`, refuse)
    },
    set: (_target, key) => refuse(`${path}.${String(key)}`),
    defineProperty: (_target, key) => refuse(`${path}.${String(key)}`),
    deleteProperty: (_target, key) => refuse(`${path}.${String(key)}`),
  })
  views.set(value, view)
  originals.set(view, value)
  return view as T // a proxy of it
}

/** Undoes {@link readOnly}, also within arrays and plain objects. */
export function original<T>(value: T, depth = 4): T {
  if (typeof value !== 'object' || value === null) return value
  const known = originals.get(value)
  if (known) return known as T // what the view was made of
  if (depth === 0 || !holdsViews(value, depth)) return value
  if (Array.isArray(value)) return value.map((item) => original(item, depth - 1)) as T // the same, without views
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, original(item, depth - 1)])) as T // the same, without views
}

function holdsViews(value: object, depth: number): boolean {
  if (originals.has(value)) return true
  if (depth === 0 || !(Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)) return false
  return Object.values(value).some(
    (item: unknown) => typeof item === 'object' && item !== null && holdsViews(item, depth - 1),
  )
}

function isViewable(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    !originals.has(value) &&
    !ArrayBuffer.isView(value) &&
    (Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]')
  )
}
