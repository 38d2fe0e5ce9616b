namespace Skylight.Core.Identity;

/// <summary>
/// A 32-byte secret of an institution for one purpose, derived from its wrapped root secret; always the same. In composition this is
/// <c>Skylight.Archive.Keys.InstitutionSecrets.GetAsync</c>.
/// </summary>
public delegate ValueTask<byte[]> InstitutionSecret(string institution, string purpose, CancellationToken cancellationToken);
