using Skylight.Core.Uploads;

namespace Skylight.Cli.Integrity;

/// <summary>The ingress of a folder without a host: open uploads are no part of an archive, so there is nothing in it.</summary>
internal sealed class OfflineIngress : IIngress
{
    public TimeSpan RevocationDelay => TimeSpan.Zero;

    public long? FreeBytes => null;

    public ValueTask<Uri> GrantAsync(string container, DateTimeOffset expiresOn, CancellationToken cancellationToken) =>
        throw new CliException(ExitCode.Partial, "Uploads need a running host.");

    public ValueTask<ArrivedPage> ListAsync(string container, bool blocks, int limit, string? continuation, CancellationToken cancellationToken) => ValueTask.FromResult(new ArrivedPage([], null));

    public ValueTask<Stream> OpenAsync(string container, string name, string? etag, CancellationToken cancellationToken) => throw new UploadChangedException();

    public ValueTask RevokeAsync(string container, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask DeleteAsync(string container, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
