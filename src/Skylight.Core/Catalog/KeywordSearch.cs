using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Skylight.Archive.Keys;
using Skylight.Core.Access;

namespace Skylight.Core.Catalog;

/// <summary>One page of what a person searched for. <paramref name="Next"/> asks for the page after it; a page may be short, or empty, and still have one.</summary>
public sealed record KeywordPage(IReadOnlyList<StudySummary> Items, string? Next);

/// <summary>
/// Search by keywords and conditions, within what the caller may see: the access scope is part of the catalog's query, so nothing outside it is counted,
/// passed over or found by its absence.
/// </summary>
public sealed class KeywordSearch(ICatalog catalog, InstitutionSecrets secrets)
{
    /// <summary>Studies looked at for one page at most: a few tenths of a second where nothing matches.</summary>
    private const int ScanLimit = 20_000;
    private const int Tag = 16, Nonce = 12;

    /// <param name="subject">Who asks: a continuation is good for nobody else.</param>
    /// <exception cref="InvalidContinuationException"><paramref name="next"/> is not one that this caller was given.</exception>
    public async Task<KeywordPage> SearchAsync(string institution, StudyQuery query, AccessScope access, string subject, int limit, string? next, CancellationToken cancellationToken)
    {
        if (access.IsEmpty) return new KeywordPage([], null);
        query = query with { ScanLimit = ScanLimit, Scope = access.IsAll ? StudyScope.All : new StudyScope([.. access.PatientKeys], [.. access.StudyKeys]) };
        var secret = await secrets.GetAsync(institution, "search-page", cancellationToken);
        var continuation = next is null ? null : Open(secret, subject, next);
        var items = new List<StudySummary>();
        do
        {
            // Never more than the page still needs, so that the continuation stands right behind its last study.
            var wanted = limit - items.Count;
            var page = await catalog.QueryStudiesAsync(institution, query, wanted, 0, continuation, cancellationToken);
            items.AddRange(page.Items.Where(study => access.Includes(study.StudyKey, study.PatientKey, study.Level)));
            continuation = page.Continuation;
            // Only what the access decision left out is made up for at once; a page cut short by its scan limit is given as it is.
            if (page.Items.Count < wanted) break;
        }
        while (continuation is not null && items.Count < limit);
        return new KeywordPage(items, continuation is null ? null : Seal(secret, subject, continuation));
    }

    /// <summary>The catalog's continuation may name a study that the caller may not see: it leaves this host sealed.</summary>
    private static string Seal(byte[] secret, string subject, string continuation)
    {
        var clear = Encoding.UTF8.GetBytes(continuation);
        var token = new byte[Nonce + clear.Length + Tag];
        RandomNumberGenerator.Fill(token.AsSpan(0, Nonce));
        using var cipher = new AesGcm(secret, Tag);
        cipher.Encrypt(token.AsSpan(0, Nonce), clear, token.AsSpan(Nonce, clear.Length), token.AsSpan(Nonce + clear.Length), Encoding.UTF8.GetBytes(subject));
        return Base64Url.EncodeToString(token);
    }

    private static string Open(byte[] secret, string subject, string next)
    {
        try
        {
            var token = Base64Url.DecodeFromChars(next);
            if (token.Length <= Nonce + Tag) throw new InvalidContinuationException();
            var clear = new byte[token.Length - Nonce - Tag];
            using var cipher = new AesGcm(secret, Tag);
            cipher.Decrypt(token.AsSpan(0, Nonce), token.AsSpan(Nonce, clear.Length), token.AsSpan(Nonce + clear.Length), clear, Encoding.UTF8.GetBytes(subject));
            return Encoding.UTF8.GetString(clear);
        }
        catch (Exception error) when (error is FormatException or CryptographicException)
        {
            throw new InvalidContinuationException();
        }
    }
}
