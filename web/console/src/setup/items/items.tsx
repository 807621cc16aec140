/** The questions of an exam with their answer keys. Saving creates a new version; running attempts keep theirs. */

import type { JSX } from "preact";
import { useLoad } from "../../rest/load.ts";
import type { Items as StoredItems } from "../../rest/types.ts";
import { ITEMS } from "../../texts/items.ts";
import { Loaded } from "../../ui/loaded.tsx";
import { ItemsEditor } from "./items-editor.tsx";

interface ItemsProps {
  examId: string;
  readOnly: boolean;
  onSaved: () => void;
}

export function Items({ examId, readOnly, onSaved }: ItemsProps): JSX.Element {
  const loading = useLoad<StoredItems>(`/exams/${examId}/items`);
  const saved = (): void => {
    loading.reload();
    onSaved();
  };
  return (
    <Loaded from={loading} what={ITEMS.what}>
      {(data) => <ItemsEditor key={data.version} examId={examId} start={data} readOnly={readOnly} onSaved={saved} />}
    </Loaded>
  );
}
