using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Azure.Ingress;

/// <summary>The ingress storage account, the only one with shared-key access: a user-delegation SAS cannot use stored access policies.</summary>
public sealed class IngressOptions
{
    public const string Section = "Skylight:Ingress";

    /// <summary>Account name.</summary>
    [Required]
    [RegularExpression("^[a-z0-9]{3,24}$")]
    public string AccountName { get; set; } = "";

    /// <summary>Account key, base64; a Key Vault reference in the app settings.</summary>
    [Required]
    [Base64String]
    public string AccountKey { get; set; } = "";

    /// <summary>Blob service address. Default: the public cloud's, <c>https://{account}.blob.core.windows.net</c>; another cloud or a private one has its own.</summary>
    public Uri? ServiceUrl { get; set; }

    internal Uri Address => ServiceUrl ?? new Uri($"https://{AccountName}.blob.core.windows.net");
}

[OptionsValidator]
internal sealed partial class IngressOptionsValidator : IValidateOptions<IngressOptions>;
