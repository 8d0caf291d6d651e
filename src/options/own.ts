/**
 * Returns an object's own member, or `undefined`. Another program's library may have set a member of that
 * name on `Object.prototype`, and every object inherits it. Members that are missing cost nothing more
 * than without this function.
 */
export function own<T extends object, Name extends keyof T>(
  object: T,
  name: Name,
): T[Name] | undefined {
  const value = object[name];
  return value !== undefined && Object.hasOwn(object, name) ? value : undefined;
}

/**
 * Returns a method or an accessor's value that an object or its class may have, or `undefined`: not what
 * another library has set on `Object.prototype`.
 */
export function optional<T extends object, Name extends keyof T>(
  object: T,
  name: Name,
): T[Name] | undefined {
  const value = object[name];
  return value !== undefined && value !== (Object.prototype as T)[name] ? value : undefined;
}
