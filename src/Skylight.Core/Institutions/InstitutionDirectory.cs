using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Access;
using Skylight.Core.Documents;

namespace Skylight.Core.Institutions;

/// <summary>The institutions of this host.</summary>
public sealed class InstitutionDirectory(IDocuments documents)
{
    private const string Type = "institution";
    private const int Page = 200;

    public ValueTask<Stored<Institution>?> FindAsync(string code, CancellationToken cancellationToken) =>
        documents.GetAsync<Institution>(Key(code), cancellationToken);

    public ValueTask<DocumentPage<Institution>> ListAsync(int limit, string? continuation, CancellationToken cancellationToken) =>
        documents.ListAsync<Institution>(Actor.PlatformInstitution, Type, null, limit, continuation, cancellationToken);

    /// <summary>The codes of all institutions, read page by page.</summary>
    public async IAsyncEnumerable<string> CodesAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? continuation = null;
        do
        {
            var page = await ListAsync(Page, continuation, cancellationToken);
            foreach (var item in page.Items) yield return item.Value.Code;
            continuation = page.Continuation;
        }
        while (continuation is not null);
    }

    /// <summary>Writes a checked record (see <see cref="InstitutionRules.Faults"/>) and answers its ETag.</summary>
    /// <exception cref="DocumentConflictException">The code is taken, or the record changed meanwhile.</exception>
    public ValueTask<string> PutAsync(Institution institution, Match match, CancellationToken cancellationToken) =>
        documents.PutAsync(Key(institution.Code), institution, match, [], cancellationToken);

    private static DocumentKey Key(string code) => new(Actor.PlatformInstitution, Type, code);
}

public static class InstitutionServices
{
    public static IServiceCollection AddInstitutions(this IServiceCollection services) => services.AddSingleton<InstitutionDirectory>();
}
