import { useState } from 'preact/hooks';
import type { ModelVersion } from '../../documents';
import { clock, shortened } from '../../format';
import type { ModelNews } from '../../model/model_news';
import { modelPath } from '../../sources/source';
import { useTrans } from '../../translation';
import { ConfirmedButton } from '../confirmed_button';
import type { IHost } from '../header';
import { useAction, useName } from '../hooks';
import { Outcome } from '../outcome';
import { Tags, type TypedTags } from '../tags';
import { VersionFiles } from './version_files';
import { VersionLineage } from './version_lineage';

const LONGEST_DESCRIPTION = 4000;

interface IDetailsProps {
  news: ModelNews;
  version: ModelVersion;
  host: IHost;
  code?(version: number): string;
}

/** One version: where it comes from, what is said about it, its files; and its end. */
export function VersionDetails({ news, version, host, code }: IDetailsProps) {
  const trans = useTrans();
  const { source, workspace } = news;
  const able = source.reach !== 'never';
  return (
    <section class="td-stack td-version-details" aria-label={trans.__('Version %1', version.version)}>
      <h4>
        {trans.__('Version %1', version.version)}{' '}
        {version.aliases.map(alias => (
          <span key={alias} class="td-alias">
            {shortened(alias, 40)}
          </span>
        ))}{' '}
        <span class="td-muted">{trans.__('registered %1', clock(version.created))}</span>
      </h4>
      <VersionLineage source={source} workspace={workspace} version={version} host={host} />
      <div class="td-model">
        <Said news={news} version={version} able={able} />
        <VersionFiles source={source} workspace={workspace} version={version} />
      </div>
      {code !== undefined && <Code text={code(version.version)} />}
      {able && <Deletion news={news} version={version} />}
    </section>
  );
}

/** Description and tags, which can be changed. */
function Said({ news, version, able }: { news: ModelNews; version: ModelVersion; able: boolean }) {
  const trans = useTrans();
  const [edited, edit] = useState(false);
  const tags = Object.entries(version.tags);
  if (edited) {
    return <SaidForm news={news} version={version} onDone={() => edit(false)} />;
  }
  return (
    <div class="td-stack">
      <p class={version.description === '' ? 'td-muted' : 'td-description'}>
        {version.description === '' ? trans.__('No description.') : shortened(version.description, LONGEST_DESCRIPTION)}
      </p>
      {tags.length > 0 && (
        <ul class="td-plain td-chips" aria-label={trans.__('Tags')}>
          {tags.map(([tag, value]) => (
            <li key={tag} title={`${tag}=${value}`}>
              {shortened(value === '' ? tag : `${tag}=${value}`, 80)}
            </li>
          ))}
        </ul>
      )}
      {able && (
        <div class="td-tools">
          <button type="button" onClick={() => edit(true)}>
            {trans.__('Change description and tags')}
          </button>
        </div>
      )}
    </div>
  );
}

function SaidForm({ news, version, onDone }: { news: ModelNews; version: ModelVersion; onDone(): void }) {
  const trans = useTrans();
  const id = useName();
  const [description, setDescription] = useState(version.description);
  const [tags, setTags] = useState<TypedTags>(Object.entries(version.tags));
  const action = useAction(news.source);
  const save = async (): Promise<void> => {
    const wanted = Object.fromEntries(
      tags.filter(([name]) => name.trim() !== '').map(([name, value]) => [name.trim(), value])
    );
    // What somebody else has changed meanwhile stays, but for what was changed here, too.
    const changed = Object.entries(wanted).filter(([name, value]) => version.tags[name] !== value);
    const removed = Object.keys(version.tags).filter(name => !(name in wanted));
    await news.source.request(modelPath(news.workspace, version.name, `/versions/${version.version}`), {
      method: 'PATCH',
      body: {
        ...(description === version.description ? {} : { description }),
        tags: Object.fromEntries([...changed, ...removed.map(name => [name, null])])
      }
    });
    news.changed();
    onDone();
  };
  return (
    <form class="td-stack" aria-label={trans.__('What is said about it')} onSubmit={event => event.preventDefault()}>
      <div class="td-field">
        <label for={id}>{trans.__('Description')}</label>
        <textarea
          id={id}
          rows={3}
          maxLength={65536}
          value={description}
          onInput={event => setDescription(event.currentTarget.value)}
        />
      </div>
      <Tags tags={tags} onTags={setTags} />
      <div class="td-tools">
        <button type="button" class="td-primary" disabled={action.busy} onClick={() => action.run(save)}>
          {trans.__('Save')}
        </button>
        <button type="button" onClick={onDone}>
          {trans.__('Leave as it was')}
        </button>
      </div>
      <Outcome action={action} />
    </form>
  );
}

function Code({ text }: { text: string }) {
  const trans = useTrans();
  const [copied, say] = useState('');
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => say(trans.__('Copied.')),
      () => say(trans.__('The browser does not let it be copied: mark it by hand.'))
    );
  };
  return (
    <div class="td-stack">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it by keys */}
      <section class="td-code" aria-label={trans.__('Code that loads it')} tabIndex={0}>
        <pre>{text}</pre>
      </section>
      <div class="td-tools">
        <button type="button" onClick={copy}>
          {trans.__('Copy this code')}
        </button>
        <span class="td-muted" role="status">
          {copied}
        </span>
      </div>
    </div>
  );
}

function Deletion({ news, version }: { news: ModelNews; version: ModelVersion }) {
  const trans = useTrans();
  const action = useAction(news.source);
  const { aliases } = version;
  const remove = async (): Promise<void> => {
    try {
      await news.source.request(modelPath(news.workspace, version.name, `/versions/${version.version}`), {
        method: 'DELETE'
      });
    } finally {
      news.changed();
    }
  };
  return (
    <>
      <div class="td-tools">
        <ConfirmedButton
          label={trans.__('Delete version %1', version.version)}
          question={trans.__('Delete version %1 with its files?', version.version)}
          yes={trans.__('Delete it with its files')}
          no={trans.__('Keep it')}
          disabled={action.busy || aliases.length > 0}
          act={() => action.run(remove)}
          onLost={() => undefined}
        />
        <span class="td-muted">
          {aliases.length > 0
            ? trans._n(
                'It cannot be deleted while %2 stands for it: move or remove the alias first.',
                'It cannot be deleted while %2 stand for it: move or remove the aliases first.',
                aliases.length,
                aliases.join(', ')
              )
            : trans.__('Its number is never given again.')}
        </span>
      </div>
      <Outcome action={action} />
    </>
  );
}
