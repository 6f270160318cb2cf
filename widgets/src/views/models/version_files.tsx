import { useState } from 'preact/hooks';
import type { ModelFiles, ModelVersion } from '../../documents';
import { bytes, shortened } from '../../format';
import { modelPath, query, type Source } from '../../sources/source';
import { useTrans } from '../../translation';
import { useLoaded } from '../hooks';
import { Hash } from '../section';

/** Files of a version that are shown at once. */
const PAGE = 50;

interface IFilesProps {
  source: Source;
  workspace: string;
  version: ModelVersion;
}

/** The files of a version, to be downloaded. */
export function VersionFiles({ source, workspace, version }: IFilesProps) {
  const trans = useTrans();
  const [first, turn] = useState(0);
  const path = modelPath(workspace, version.name, `/versions/${version.version}/files`);
  const { value, error } = useLoaded(signal => source.request<ModelFiles>(path, { signal }), path);
  const about = trans._n('%1 file, %2', '%1 files, %2', version.file_count, bytes(version.size));
  if (value === undefined) {
    return <p class="td-empty">{error || trans.__('Looking for files…')}</p>;
  }
  const address = (name: string): string | null => source.address(`${path}/content${query({ name })}`);
  return (
    <div class="td-stack td-files">
      <table aria-label={trans.__('Files')}>
        <caption class="td-muted">
          {value.folder ? trans.__('%1 in %2/', about, shortened(value.root, 60)) : about}
        </caption>
        <thead>
          <tr>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col" class="td-number">
              {trans.__('Size')}
            </th>
            <th scope="col">SHA-256</th>
          </tr>
        </thead>
        <tbody>
          {value.files.slice(first, first + PAGE).map(({ name, size, sha256 }) => {
            const at = address(name);
            return (
              <tr key={name}>
                <td title={name}>
                  {at === null ? (
                    shortened(name, 120)
                  ) : (
                    <a href={at} download={name.split('/').pop()} aria-label={trans.__('Download %1', name)}>
                      {shortened(name, 120)}
                    </a>
                  )}
                </td>
                <td class="td-number">{bytes(size)}</td>
                <td>
                  <Hash text={sha256} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {value.files.length > PAGE && (
        <div class="td-tools">
          <span class="td-muted">
            {trans.__('%1 to %2 of %3', first + 1, Math.min(first + PAGE, value.files.length), value.files.length)}
          </span>
          <button type="button" disabled={first === 0} onClick={() => turn(first - PAGE)}>
            {trans.__('Previous')}
          </button>
          <button type="button" disabled={first + PAGE >= value.files.length} onClick={() => turn(first + PAGE)}>
            {trans.__('Next')}
          </button>
        </div>
      )}
    </div>
  );
}
