/** The roles that a user can have. */

export const ROLES = ["student", "teacher", "admin"] as const;
