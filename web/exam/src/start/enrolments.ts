// The exams of the signed-in student, in the order in which the list shows them.
import { api } from "../login.ts";
import type { Enrolment } from "../types.ts";

const ORDER: readonly Enrolment["state"][] = ["running", "open", "upcoming", "done", "closed"];

export async function loadEnrolments(): Promise<Enrolment[]> {
  const all = await api.get<Enrolment[] | { items: Enrolment[] }>("/student/exams");
  return inOrder(Array.isArray(all) ? all : all.items);
}

/** Sort by state; exams of one state keep their order. */
export function inOrder(enrolments: readonly Enrolment[]): Enrolment[] {
  return [...enrolments].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
}
