using Microsoft.Extensions.Options;
using Skylight.Core.Hosting;

namespace Skylight.Core.Identity;

/// <summary>What the built-in issuer calls itself.</summary>
public sealed class IssuerAddress(IOptions<IdentityOptions> options, PublicAddress address)
{
    /// <summary>Absolute URL without a trailing slash; the <c>iss</c> of every token that we issue.</summary>
    public string Url => options.Value.Issuer?.TrimEnd('/') ?? address.BaseUrl.AbsoluteUri.TrimEnd('/');
}
