/** Return code for a notebook that loads a version of a registered model. */
export function modelCode(workspace: string, name: string, version: number): string {
  return [
    'from traindock import Model, Workspace',
    '',
    `model = Model(Workspace.get(${JSON.stringify(workspace)}), ${JSON.stringify(name)}, version=${version})`,
    `path = model.download(${JSON.stringify(`models/${name}-${version}`)}, exist_ok=True)`,
    'path'
  ].join('\n');
}
