using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Skylight.Core.Access;
using Skylight.Core.Documents;

namespace Skylight.Core.Identity;

/// <summary>
/// Failed sign-ins by account name and by address. Names that belong to nobody are counted alike, so a lock tells nothing about who exists.
/// An attempt is counted before the password is checked: parallel guesses cannot outrun the counter. Counts survive a restart.
/// </summary>
public sealed class SignInThrottle(IDocuments documents, IOptions<IdentityOptions> options, TimeProvider time)
{
    private const string Type = "sign-in-attempts";
    private const int Retries = 20;

    /// <summary>Counts an attempt. A value means: refused, wait that long.</summary>
    /// <param name="signInName">Null counts the address alone.</param>
    public async ValueTask<TimeSpan?> BeginAsync(string? signInName, string address, CancellationToken cancellationToken)
    {
        var o = options.Value;
        return await CountAsync(Key("address", address), o.MaxFailuresPerAddress, TimeSpan.FromSeconds(o.AddressLockoutSeconds), cancellationToken)
            ?? (signInName is null ? null : await CountAsync(Key("name", signInName), o.MaxFailures, TimeSpan.FromSeconds(o.LockoutSeconds), cancellationToken));
    }

    /// <summary>The attempt succeeded: the name starts afresh, the address gets this one attempt back.</summary>
    public async ValueTask SucceededAsync(string? signInName, string address, CancellationToken cancellationToken)
    {
        if (signInName is not null) await documents.DeleteAsync(Key("name", signInName), Match.Any, cancellationToken);
        for (var i = 0; i < Retries; i++)
        {
            var stored = await documents.GetAsync<Attempts>(Key("address", address), cancellationToken);
            if (stored is null) return;
            try
            {
                var left = stored.Value with { Count = stored.Value.Count - 1 };
                if (left.Count <= 0) await documents.DeleteAsync(Key("address", address), Match.Version(stored.ETag), cancellationToken);
                else await documents.PutAsync(Key("address", address), left, Match.Version(stored.ETag), [], cancellationToken);
                return;
            }
            catch (DocumentConflictException)
            {
                // Another sign-in from the same address; count again on what it left.
                continue;
            }
        }
    }

    /// <summary>Forgets counters whose time has passed. Answers how many.</summary>
    public async ValueTask<int> CleanAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var cleaned = 0;
        string? continuation = null;
        do
        {
            var page = await documents.ListAsync<Attempts>(Actor.PlatformInstitution, Type, null, 200, continuation, cancellationToken);
            foreach (var old in page.Items.Where(i => i.Value.Until <= now))
            {
                try
                {
                    if (await documents.DeleteAsync(new(Actor.PlatformInstitution, Type, old.Id), Match.Version(old.ETag), cancellationToken)) cleaned++;
                }
                catch (DocumentConflictException)
                {
                    // Counted again meanwhile: it is not old any more.
                    continue;
                }
            }

            continuation = page.Continuation;
        }
        while (continuation is not null);
        return cleaned;
    }

    private async ValueTask<TimeSpan?> CountAsync(DocumentKey key, int max, TimeSpan window, CancellationToken cancellationToken)
    {
        for (var i = 0; i < Retries; i++)
        {
            var now = time.GetUtcNow();
            var stored = await documents.GetAsync<Attempts>(key, cancellationToken);
            var attempts = stored?.Value is { } known && now < known.Until ? known : new Attempts(1, 0, now + window);
            if (attempts.Count >= max) return attempts.Until - now;
            attempts = attempts with { Count = attempts.Count + 1, Until = attempts.Count + 1 >= max ? now + window : attempts.Until };
            try
            {
                await documents.PutAsync(key, attempts, stored is null ? Match.None : Match.Version(stored.ETag), [], cancellationToken);
                return null;
            }
            catch (DocumentConflictException)
            {
                // Another attempt on the same name or address was counted first.
                continue;
            }
        }

        // So many attempts at once that this one could not even be counted: it has to wait like the rest.
        return TimeSpan.FromSeconds(1);
    }

    private static DocumentKey Key(string kind, string value) =>
        new(Actor.PlatformInstitution, Type, kind + "-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(value.Trim().ToLowerInvariant())).AsSpan(0, 16)));

    private sealed record Attempts(int V, int Count, DateTimeOffset Until);
}
