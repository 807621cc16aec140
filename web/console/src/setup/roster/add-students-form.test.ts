import { describe, expect, it } from "vitest";
import { rowOf } from "./add-students-form.tsx";
import { readRoster } from "./csv.ts";

describe("a refused row", () => {
  const reading = readRoster("ada,Ada\nben,Ben");

  it("is named by its student and field", () => {
    expect(rowOf("$.students[1].email", reading)).toBe("ben, email");
    expect(rowOf("$.students[1]", reading)).toBe("ben");
    expect(rowOf("$.students[7].name", reading)).toBe("student 8, name");
  });

  it("is named by its path if it is no student", () => {
    expect(rowOf("$.exam_id", reading)).toBe("exam_id");
  });
});
