using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Skylight.Core.Identity;

/// <summary>The configured external issuers with their current keys, fetched by discovery and refreshed when a key is unknown.</summary>
public sealed class ExternalIssuers(IOptions<IdentityOptions> options, IDocumentRetriever? retriever = null)
{
    private static readonly string[] DefaultAlgorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.EcdsaSha256];
    private static readonly string[] Known =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    private readonly ConcurrentDictionary<string, ConfigurationManager<OpenIdConnectConfiguration>> _managers = new(StringComparer.Ordinal);

    public ExternalIssuerOptions? Find(string issuer) => options.Value.ExternalIssuers.FirstOrDefault(e => string.Equals(e.Issuer, issuer, StringComparison.Ordinal));

    /// <summary>Algorithms accepted from an issuer: those configured as far as they are asymmetric and known here.</summary>
    public static IReadOnlyList<string> Algorithms(ExternalIssuerOptions issuer) =>
        issuer.Algorithms.Count == 0 ? DefaultAlgorithms : [.. issuer.Algorithms.Intersect(Known, StringComparer.Ordinal)];

    /// <summary>Keys of the issuer now. Its document must name the issuer as configured.</summary>
    /// <exception cref="InvalidOperationException">The discovery document cannot be had, or names another issuer.</exception>
    public async ValueTask<ICollection<SecurityKey>> KeysAsync(ExternalIssuerOptions issuer, CancellationToken cancellationToken)
    {
        var document = await Manager(issuer).GetConfigurationAsync(cancellationToken);
        return string.Equals(document.Issuer, issuer.Issuer, StringComparison.Ordinal)
            ? document.SigningKeys
            : throw new InvalidOperationException("The discovery document names another issuer.");
    }

    /// <summary>Asks for fresh keys at the next use (at most every few minutes, whatever arrives).</summary>
    public void Refresh(ExternalIssuerOptions issuer) => Manager(issuer).RequestRefresh();

    private ConfigurationManager<OpenIdConnectConfiguration> Manager(ExternalIssuerOptions issuer) => _managers.GetOrAdd(
        issuer.Issuer,
        name => new(
            $"{name.TrimEnd('/')}/.well-known/openid-configuration",
            new OpenIdConnectConfigurationRetriever(),
            retriever ?? new HttpDocumentRetriever { RequireHttps = !new Uri(name).IsLoopback }));
}
